"""Recordings and logs of calls: written while the call goes on, kept in one store, fetched by signed links."""
