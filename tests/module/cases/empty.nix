# No secret at all: nothing runs, and the target to order after is there all the same.
{ }
