"""What loading costs, measured side by side on one machine: only ratios inside one run count."""
