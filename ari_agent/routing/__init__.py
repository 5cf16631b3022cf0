"""Who answers a call or a chat, with which settings and variables, and who may be dialled. Pure."""
