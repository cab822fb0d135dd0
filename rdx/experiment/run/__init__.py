"""How a run goes, whatever it does."""
