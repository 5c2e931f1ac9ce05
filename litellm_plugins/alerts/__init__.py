"""Telling the outside: what is worth it is kept until every receiver has it. What that is, features say."""
