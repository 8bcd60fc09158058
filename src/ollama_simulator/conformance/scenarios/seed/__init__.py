"""The fifteen scenarios of the seed: the contract of its balancer, file by subject."""
