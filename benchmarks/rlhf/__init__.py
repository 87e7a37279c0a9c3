"""What a policy learns from a judge: PPO against Themis and against a plain reward model, and if answers got true.

python -m benchmarks.rlhf --out DIR                  # the table of docs/results/rlhf.md; resumes if interrupted
python -m benchmarks.rlhf --out DIR --steps 5        # a look
"""
