"""`python -m assistant` is `patina`."""

from assistant.cli import main

if __name__ == "__main__":
    main()
