"""Ostinato: recurrent sequence models, each cell written once as its equations."""
