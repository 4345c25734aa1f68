"""All settings, read once from the environment and `stoa.toml`, then frozen.

Environment wins over the file. Names in the environment carry the prefix `STOA_`; a provider's
own key variables (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `AWS_*`) keep the names people know.
Other parts never read the environment: they get small values handed over.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from stoa.base.errors import SetupError


def _key(name: str) -> Any:
    """A provider's key under its own name, in the environment or in `stoa.toml`."""
    return Field(None, validation_alias=AliasChoices(name, name.lower()))


class Settings(BaseSettings):
    """One frozen value for the whole process. Every field's description is its documentation."""

    model_config = SettingsConfigDict(env_prefix="STOA_", frozen=True, extra="forbid")

    home: Path = Field(Path(".stoa"), description="Data folder.")
    database_url: str = Field(
        "",
        description="SQL database; empty: SQLite in the data folder. postgresql://… for many workers.",
    )
    objects_url: str = Field(
        "", description="Object store; empty: a folder in the data folder. s3://…, gs://…, az://…"
    )
    index_url: str = Field(
        "",
        description="Search index; empty: LanceDB in the data folder. postgresql://… for pgvector.",
    )

    model_strong: str = Field(
        "", description="provider:model for hard prompts; empty: offline twin."
    )
    model_fast: str = Field("", description="provider:model for simple prompts; empty: as strong.")
    model_vision: str = Field(
        "", description="provider:model that sees pictures; empty: as strong."
    )
    model_embedding: str = Field(
        "", description="provider:model or onnx:/folder; empty: the small local encoder."
    )
    model_reranker: str = Field(
        "",
        description="openai:model on a server of yours with /rerank, or onnx:/folder of a cross-encoder, "
        "that reads what search found and puts it in order; empty: order by rank fusion.",
    )
    model_fallback: str = Field(
        "", description="provider:model asked when the first one fails; comma-separated chain."
    )
    offline_fallback: bool = Field(
        False, description="Let the offline twin answer when every configured model fails."
    )
    model_timeout: float = Field(60.0, gt=0, description="Seconds one model request may take.")
    model_retries: int = Field(2, ge=0, le=10, description="Retries of one model request.")
    openai_base_url: str = Field(
        "", description="Any OpenAI-compatible server, such as vLLM or Ollama."
    )
    anthropic_base_url: str = Field("", description="Another address for the Anthropic API.")
    bedrock_endpoint_url: str = Field("", description="Another address for Amazon Bedrock.")
    openai_api_key: SecretStr | None = _key("OPENAI_API_KEY")
    anthropic_api_key: SecretStr | None = _key("ANTHROPIC_API_KEY")

    host: str = Field("127.0.0.1", description="Address that `stoa serve` listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that `stoa serve` listens on.")
    public_url: str = Field(
        "", description="Address people reach the console at, for links; empty: from host and port."
    )
    secret_key: SecretStr | None = Field(
        None, description="Signs links and sessions; empty: made once and kept in the data folder."
    )
    oidc_issuer: str = Field("", description="OpenID Connect issuer URL; empty: passwords only.")
    oidc_client_id: str = Field("", description="Client id registered with the issuer.")
    oidc_client_secret: SecretStr | None = Field(None, description="Client secret of the issuer.")
    oidc_workspace: str = Field(
        "", description="Workspace that people signed in by the issuer join as members."
    )

    smtp_url: SecretStr | None = Field(
        None,
        description=(
            "Mail server: smtp://user:password@host:587 (STARTTLS), smtps://…:465, or "
            "smtp://…?starttls=no; empty: no e-mails."
        ),
    )
    mail_from: str = Field(
        "", description="Whom e-mails come from, such as Stoa <stoa@example.org>."
    )

    upload_limit_mb: int = Field(512, gt=0, description="Largest upload in MiB.")
    worker_concurrency: int = Field(
        2, gt=0, description="Durable runs one process works on at once."
    )
    executor_id: str = Field(
        "",
        description="Stable name of this process among workers; empty: host name and process id.",
    )
    source_folders: str = Field(
        "",
        description="Folders on this machine that sources and connected databases may be read from, "
        "comma-separated; empty: none.",
    )
    query_seconds: float = Field(
        30.0, gt=0, le=3600, description="Seconds one query on a connected database may take."
    )
    result_hours: float = Field(
        24.0, gt=0, le=8760, description="Hours for which rows of an answer are kept for download."
    )
    fetch_private: bool = Field(
        False, description="Let fetches of addresses reach private and loopback hosts."
    )
    webhook_private: bool = Field(
        False, description="Let webhooks reach private and loopback hosts."
    )
    events_days: int = Field(
        30, gt=0, description="Days for which events and their deliveries are kept."
    )
    database_private: bool = Field(
        True, description="Let people connect databases at private and loopback addresses."
    )
    jobs_folder: str = Field(
        "",
        description="Folder of the processes that train; empty: in the data folder. Shared storage "
        "where workers on several machines, or a Ray cluster, work on jobs.",
    )
    job_concurrency: int = Field(
        2, gt=0, description="Processes that train at once, for each worker process of Stoa."
    )
    job_days: int = Field(
        7, gt=0, description="Days for which run folders of jobs that ended are kept."
    )
    ray_address: str = Field(
        "",
        description="Address of a Ray cluster's dashboard, http://head:8265; empty: jobs run here.",
    )
    ray_serve_address: str = Field(
        "",
        description="Address of that cluster's Ray Serve, http://head:8000: endpoints are served there; "
        "empty: by processes of this machine.",
    )
    ray_token: SecretStr | None = Field(None, description="Bearer token for the Ray dashboard.")
    otlp_endpoint: str = Field(
        "", description="OpenTelemetry collector; empty: nothing leaves the machine."
    )
    log_level: str = Field(
        "INFO",
        pattern="(?i)^(DEBUG|INFO|WARNING|ERROR)$",
        description="DEBUG, INFO, WARNING or ERROR.",
    )
    log_format: str = Field("text", pattern="^(text|json)$", description="text or json.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Given values, then the environment, then `stoa.toml` in the working folder."""
        toml = TomlConfigSettingsSource(settings_cls, Path("stoa.toml"))
        return init_settings, env_settings, toml

    @classmethod
    def load(cls, **given: Any) -> "Settings":
        """Read environment and `stoa.toml` once.

        Raises:
            SetupError: a value does not fit, or the file names a setting that does not exist.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise SetupError(
                f"Setting '{name}': {first['msg']}.",
                hint="See docs/reference/settings.md for what it takes.",
            ) from error
        except ValueError as error:  # an unreadable stoa.toml
            raise SetupError(f"stoa.toml can't be read: {error}.", hint="Mend the file.") from error

    def resolved_database_url(self) -> str:
        """SQLAlchemy URL of the one SQL database."""
        if not self.database_url:
            return f"sqlite:///{self.home.resolve() / 'stoa.sqlite'}"
        return self.database_url

    def resolved_objects_url(self) -> str:
        """URL of the object store."""
        return self.objects_url or (self.home.resolve() / "objects").as_uri()

    def resolved_index_url(self) -> str:
        """URL of the search index."""
        return self.index_url or (self.home.resolve() / "index").as_uri()

    def resolved_public_url(self) -> str:
        """Where people reach the console, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def is_http_address(text: str) -> bool:
    """Whether it is http or https with a host, and carries no name and password."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - refuses what is no number
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
