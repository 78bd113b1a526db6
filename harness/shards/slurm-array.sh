#!/usr/bin/env bash
# One task of a Slurm array: its part of an experiment. What follows is given to `run`.
#
#   sbatch --array=1-8 --exclusive harness/shards/slurm-array.sh --preset rigorous
#
#SBATCH --job-name=pyallocbench
#SBATCH --cpus-per-task=2
#SBATCH --output=part-%A-%a.log
set -euo pipefail

: "${SLURM_ARRAY_TASK_ID:?is not set: start this with sbatch --array=1-N}"
out=part-$SLURM_ARRAY_JOB_ID-$SLURM_ARRAY_TASK_ID.json

# A task that was requeued goes on where it stopped, if the node is the same.
if [ -e "$out.partial" ]; then
    exec build/pyallocbench run --resume "$out"
fi
exec build/pyallocbench run "$@" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" -o "$out"
