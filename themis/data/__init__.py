"""Where pairs come from: published files, rules without end; and how they become tensors (`batches`, which alone imports torch)."""
