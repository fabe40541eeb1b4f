"""The daily report: frames, charts, texts and files. pandas is imported here and nowhere else."""
