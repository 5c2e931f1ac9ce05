"""When a stream has said enough, or goes round in circles. Pure: text in, a verdict out."""
