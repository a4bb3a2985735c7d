"""Settings, from the environment (or a ``.env`` file). Every one has a default that suits one machine."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What can be set. Secrets never show when settings are printed."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(None, description="A PostgreSQL 16+ server. Without it, one is embedded.")
    wealthgraph_home: Path = Field(Path(".wealthgraph"), description="Where embedded data and the local key are kept.")
    token_key: SecretStr | None = Field(
        None, description="The key of tokens, 32 bytes or more. Without it, one is kept."
    )
    proof_key: SecretStr | None = Field(
        None, description="The Ed25519 key that signs checkpoints, 32 bytes in base64. Without it, one is kept."
    )
    proof_retired_keys: list[str] = Field(
        [], description="Public keys, in base64, of those that signed checkpoints before PROOF_KEY."
    )
    proof_origin: str = Field(
        "wealthgraph",
        description="What checkpoints are issued under: best a domain of yours. Never change it.",
        pattern=r"^[A-Za-z0-9.-]+(/[A-Za-z0-9.-]+)*$",
    )
    checkpoints: Path | None = Field(
        None, description="The folder that checkpoints are published to. Without it, one in WEALTHGRAPH_HOME."
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, description="The port to listen on.", ge=0, le=65535)
    market_seed: int = Field(7, description="What the simulated market is drawn from.")
    market_speed: int = Field(60, description="How much faster than the wall the market's clock runs.", gt=0)
    fix_venue: str | None = Field(
        None,
        description="A venue that speaks FIX 4.4, as host:port. Without it, orders are dealt in-process.",
        pattern=r"^[^:]+:[0-9]{1,5}$",
    )
    fix_sender: str = Field("WEALTHGRAPH", description="What we are called on the FIX session (SenderCompID).")
    fix_target: str = Field("SANDBOX", description="What the FIX venue is called (TargetCompID).")
    fix_heartbeat: int = Field(30, description="Seconds between heartbeats on the FIX session; 0: none.", ge=0, le=3600)
    sandbox_venue_host: str = Field("127.0.0.1", description="The address that the FIX sandbox venue listens on.")
    sandbox_venue_port: int = Field(9878, description="The port that the FIX sandbox venue listens on.", ge=0, le=65535)
    idempotency_days: int = Field(
        30, description="For how many days a repeated request gets its first answer again.", ge=1, le=3650
    )
    sandbox_rail: bool = Field(False, description="Whether deposits and withdrawals may come out of nowhere.")
    allowed_origins: list[str] = Field([], description="Other sites whose pages may call the API.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
