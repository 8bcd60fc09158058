"""Who asks what when: made-up and recorded traffic, for a network and for the policy laboratory."""
