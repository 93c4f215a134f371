"""Everything that is kept, as one file that can be carried away and taken in again: backups and exports."""
