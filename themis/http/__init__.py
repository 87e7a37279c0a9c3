"""The client that every call to the network goes through: rates, rests, caps, retries."""
