"""One router a file, made anew for every bot."""
