"""Puts Purser, a Prometheus and agents that spend on a cluster, and watches budgets being kept."""
