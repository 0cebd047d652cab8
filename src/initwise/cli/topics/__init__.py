"""What `initwise explain` knows: layers of torch.nn, initializers, finding codes and recipes."""

from initwise.cli.topics._codes import suppression
from initwise.cli.topics._find import find, names
from initwise.cli.topics._recipes import maker
from initwise.cli.topics._topic import Section, Topic

__all__ = ["Section", "Topic", "find", "maker", "names", "suppression"]
