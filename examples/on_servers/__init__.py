"""The clinic on real servers: nothing of it is changed but the variables that say where things live."""
