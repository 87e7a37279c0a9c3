"""HTTP: the client of the tools (deadlines, rates, rests, caps, retries) and the pieces that chat endpoints share with it."""
