"""Who may see the pages: the login, its session, and the token of each change."""
