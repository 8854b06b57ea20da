"""The figures, a function each: from an open warehouse to what is drawn and said."""
