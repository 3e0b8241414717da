"""Random faults under load on real servers, and an oracle that knows who may be let in: ./dev test chaos."""
