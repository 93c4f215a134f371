"""The tools that come with Patina."""
