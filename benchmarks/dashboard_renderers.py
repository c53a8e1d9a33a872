def main(rounds: int) -> None: pass
