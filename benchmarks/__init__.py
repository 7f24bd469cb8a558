"""What spendwatch is measured with: its speed, what it survives, and how well it detects."""
