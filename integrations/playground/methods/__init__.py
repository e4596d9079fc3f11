"""The Web API's methods: one file a family, each method a function of its call."""
