"""HTTP: the client of the tools (deadlines, rates, caps, retries), and the parts that chat endpoints share with it."""
