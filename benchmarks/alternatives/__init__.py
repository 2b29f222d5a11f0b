"""What else one would try, on the same files as `ostinato fit`: one file for each kind of data.

A function gets the paths of the training and the test file and the name of the measure, and gives
the figure; the first line of its docstring says what it is. Nothing is tuned here either.
"""
