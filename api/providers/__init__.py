"""What providers of money call: webhooks, let in by their signature and by nothing else."""
