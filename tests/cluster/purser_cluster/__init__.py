"""Starts, stops and feeds a local Kubernetes cluster built from Go modules."""
