"""What people may write into the house's own records."""


def is_text(text: str, limit: int) -> bool:
    """Whether it has 1 to ``limit`` characters besides space around it, all of them printable or line breaks."""
    return 1 <= len(text.strip()) <= limit and all(line.isprintable() for line in text.strip().split("\n"))
