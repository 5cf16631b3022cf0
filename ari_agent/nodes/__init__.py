"""Several controllers on one database: what each knows of the others, and who goes on when one dies."""
