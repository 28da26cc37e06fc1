"""Everything an operator can set, read once from `RASID_*` and passed down; nothing else reads the environment."""

from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from datasets.taxonomy import CLASSES


class Settings(BaseSettings):
    """One frozen value; every field is also an environment variable, `RASID_` + the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="RASID_", frozen=True, extra="ignore")

    data_dir: Path = Field(Path("data"), description="Folder of the embedded database and the stored files.")
    database_url: str | None = Field(None, description="External PostgreSQL >= 15; empty: the embedded one.")
    files_url: str | None = Field(None, description="s3://, gs:// or az:// store; empty: a folder under data_dir.")
    experimental_work_orders: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), description="Experimental classes whose accepted defects open work orders, with commas between."
    )
    model: str = Field("default", description="Registry name or path of the .onnx model.")
    backend: str | None = Field(
        None, description="onnxruntime, openvino or cuda; empty: as `rasid bench --choose` chose, else onnxruntime."
    )
    inference_workers: int | None = Field(
        None, ge=1, le=256, description="Frames of a survey detected at once; empty: one a core and one more."
    )

    host: str = "127.0.0.1"
    port: int = 8000
    cookie_secure: bool = Field(False, description="Send the session cookie over HTTPS only; set it behind TLS.")
    basemap: str | None = Field(None, description="Path or URL of a .pmtiles file that maps are drawn on; empty: none.")
    session_hours: int = Field(12, ge=1, le=24 * 30)

    max_image_bytes: int = Field(25_000_000, ge=1_000, description="Largest accepted image file.")
    max_image_pixels: int = Field(50_000_000, ge=10_000, description="Largest accepted image, width x height.")

    # Resumable uploads (tus) and what is refused before memory or disk runs out.
    tus_max_size_bytes: int = Field(10_000_000_000, ge=1_000, description="Largest upload: a video or a ZIP.")
    tus_expires_h: int = Field(168, ge=1, description="An unfinished upload goes after so long without a byte.")
    tus_keep_h: int = Field(720, ge=1, description="How long a finished or refused upload can be asked about.")
    tus_idle_s: float = Field(30.0, gt=0, description="A request that sends nothing for so long is ended.")
    tus_open_uploads: int = Field(500, ge=1, description="Unfinished uploads of one vehicle at a time.")
    max_frames_waiting: int = Field(50_000, ge=1, description="Frames not yet processed; over it vehicles wait (429).")
    min_free_disk_bytes: int = Field(
        1_000_000_000, ge=0, description="Kept free under data_dir for the database; below it uploads wait (507)."
    )

    # Surveys that come in one file, a ZIP or a video; what an operator's disk and drives ask for.
    max_archive_bytes: int = Field(10_000_000_000, ge=1_000, description="Largest ZIP or video, whichever way it came.")
    max_track_bytes: int = Field(50_000_000, ge=1_000, description="Largest GPX; a day with a point a second is 12 MB.")
    zip_max_files: int = Field(100_000, ge=1, description="Most files in one ZIP.")
    zip_max_unpacked_bytes: int = Field(200_000_000_000, ge=1_000, description="Most that a ZIP may unpack to.")
    video_max_frames: int = Field(100_000, ge=1, description="Most frames taken out of one video.")
    video_spacing_m: float = Field(5.0, ge=0.5, le=1_000, description="Metres between them, unless the sender tells.")
    keep_refused_archives_h: int = Field(168, ge=1, description="How long a refused one, not blurred, can be retried.")

    # What is kept of people, and for how long (docs/privacy.md says why so long).
    privacy: str = Field(
        "privacy", description="Model that finds the faces and plates to blur before storing; off: nothing is blurred."
    )
    keep_plain_days: int = Field(90, ge=0, description="Pictures that show no defect; 0: for good.")
    keep_evidence_days: int = Field(730, ge=0, description="Pictures of defects that are over; 0: for good.")
    keep_unusable_days: int = Field(30, ge=0, description="Pictures of refused and failed frames; 0: for good.")

    # Citizens' reports: who may reach us, what is kept of them, when a machine may decide.
    public_url: str | None = Field(None, description="Address under which citizens reach this service, for links.")
    secret_key: SecretStr | None = Field(None, description="Signs links; empty: made once, in a file under data_dir.")
    keep_reporters_days: int = Field(90, ge=1, description="Who sent a report, after the report is over.")
    keep_reporters_at_most_days: int = Field(730, ge=1, description="The same, for reports that never end.")
    report_place_sd_m: float = Field(10.0, gt=0, le=200, description="How far, per axis, a told place may err.")
    report_merge_sure: float = Field(
        0.95, gt=0.5, le=1, description="Merge by itself from this probability that a known defect is meant; 1: never."
    )
    report_reopen_days: int = Field(14, ge=0, description="How long a reporter may reopen a report and rate it.")
    report_max_photos: int = Field(6, ge=0, le=20, description="Most photos of one report.")
    link_url: str | None = Field(None, description="Where reporters rate, with {token}; empty: the API's own address.")

    # Open311: our endpoint, and the keys of others.
    open311_contact: str = Field("the municipality's reports centre", description="Told by discovery.")
    open311_key_service: str = Field("ask the contact for a key", description="Told by discovery.")
    open311_jurisdiction: str | None = Field(None, description="jurisdiction_id of all municipalities together.")
    sign_ins_per_minute: int = Field(60, ge=1, description="Attempts from one network address, whoever is named.")
    open311_reads_per_minute: int = Field(120, ge=1, description="Of one network address.")
    open311_writes_per_minute: int = Field(60, ge=1, description="Of one key.")
    open311_keys: dict[str, SecretStr] = Field({}, description="JSON: key of a connection -> our api_key there.")

    # Calls to addresses that others told: webhooks, notices, other Open311 endpoints, photos.
    private_hosts: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), description="Hosts, or host:port, called though private, without TLS or on another port; commas."
    )
    ca_file: Path | None = Field(None, description="PEM of further authorities, for such calls and the mail server.")
    outbound_timeout_s: float = Field(
        30.0, ge=0.1, le=300, description="An endpoint, photo or notice must be done after so long."
    )

    # Notices to reporters.
    smtp_host: str | None = Field(None, description="Mail server; empty: no e-mail is sent.")
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str = "rasid@localhost"
    notice_channels: Annotated[frozenset[str], NoDecode] = Field(
        frozenset({"email", "webhook"}), description="email, webhook, and adapters that are installed, with commas."
    )

    close_verified_repairs: bool = Field(
        False, description="Close an order by itself when later passes verify its repair; else a person decides."
    )

    # Webhooks (docs/integrating.md).
    webhook_key: SecretStr | None = Field(
        None,
        description="Seals secrets: 32 bytes in URL-safe base64, of several the newest first; empty: a file.",
    )
    webhook_source: str | None = Field(
        None, max_length=200, description="URI that messages name as their source; empty: one made with the database."
    )
    webhook_timeout_s: float = Field(20.0, ge=0.1, le=30, description="A receiver must have answered after so long.")
    webhook_endpoints: int = Field(32, ge=1, le=500, description="Endpoints served at once by one worker.")
    webhook_parallel: int = Field(8, ge=1, le=100, description="Requests to one endpoint at once.")
    webhook_disable_after_days: int = Field(5, ge=0, description="An endpoint that fails for so long is disabled.")
    webhook_keep_days: int = Field(30, ge=1, description="How long delivered messages stay listed.")

    batch_frames: int = Field(32, ge=1, le=256, description="Frames of one survey per database write.")
    worker_in_server: bool = Field(True, description="Run a worker thread inside `rasid serve`.")
    worker_concurrency: int = Field(1, ge=1, le=64, description="Surveys processed at once by one worker.")
    heartbeat_s: float = Field(10.0, gt=0, description="A worker says this often that it lives.")
    stalled_after_s: float = Field(30.0, gt=0, description="A worker silent for this long has its jobs retried.")
    keep_finished_jobs_h: int = Field(24, ge=1)

    @field_validator("experimental_work_orders", "notice_channels", mode="before")
    @classmethod
    def _split_at_commas(cls, told: object) -> object:
        return frozenset(filter(None, map(str.strip, told.split(",")))) if isinstance(told, str) else told

    @field_validator("private_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, told: object) -> object:
        return frozenset(filter(None, map(str.strip, told.lower().split(",")))) if isinstance(told, str) else told

    @field_validator("webhook_key")
    @classmethod
    def _refuse_weak_keys(cls, keys: SecretStr | None) -> SecretStr | None:
        for key in filter(None, map(str.strip, keys.get_secret_value().split(",") if keys else ())):
            if len(key) != 44 or len(urlsafe_b64decode(key)) != 32:
                raise ValueError("expected keys of 32 bytes in URL-safe base64 with commas between, got another text")
        return keys

    @field_validator("experimental_work_orders")
    @classmethod
    def _refuse_other_classes(cls, keys: frozenset[str]) -> frozenset[str]:
        experimental = {kind.key for kind in CLASSES if kind.experimental}
        if others := sorted(keys - experimental):
            raise ValueError(f"expected some of {', '.join(sorted(experimental))}, got {', '.join(others)}")
        return keys
