"""System prompts as named sections, of which only those are sent that apply. Pure but for reading their files."""
