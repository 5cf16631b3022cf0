"""Personal data in what is said and written: recognised by rules, and replaced in transcripts and call objects."""
