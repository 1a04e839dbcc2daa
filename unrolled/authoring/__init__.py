"""The press: chapters become modules, solutions become labs, and both become the site."""
