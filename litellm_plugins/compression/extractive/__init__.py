"""Query-aware selection: of long passages only the sentences are kept that the question is about.

`lexical` by the words they share with it, `semantic` by their meaning as well. Both keep the order and mark what is
left out; neither changes a sentence.
"""
