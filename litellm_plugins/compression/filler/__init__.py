"""Fillers: phrases that say nothing, or say it in more words than needed. By lists, a file for each language. Pure."""
