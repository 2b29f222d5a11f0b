"""How fast Ostinato is beside the peers that are installed; no speed without right numbers."""
