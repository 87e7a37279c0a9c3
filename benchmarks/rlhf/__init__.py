"""What a policy learns from a judge: PPO against Themis and against a plain reward model, and if answers got true.

    python -m benchmarks.rlhf --out DIR                                          # resumes if interrupted
    python -m benchmarks.rlhf --out DIR --seeds 1 --steps 5 --vanilla-steps 5    # a look

Needs THEMIS_DATA, with TARA.
"""
