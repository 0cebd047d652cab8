"""The report: one page that shows plan, signals, verdicts, findings and differences to people."""
