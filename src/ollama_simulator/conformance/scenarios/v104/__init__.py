"""What version 1.0.4 of the seed's balancer promises. Every module is loaded."""
