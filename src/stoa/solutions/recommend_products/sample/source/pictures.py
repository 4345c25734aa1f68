"""Small pictures of products: one white drawing for each kind, on a tile of the product's colour.

They are SVG of a few hundred bytes, drawn for this sample, and go into the catalogue as `data:` URLs.
"""

from urllib.parse import quote

_STROKE = (
    'fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"'
)
DRAWINGS = {
    "frying pan": '<circle cx="25" cy="34" r="14"/><path d="M38 29 56 20"/>',
    "chef's knife": '<path d="M10 40C24 22 38 20 44 20V34Z"/><path d="M44 27H56"/>',
    "cutting board": '<rect x="14" y="18" width="30" height="28" rx="5"/><path d="M44 32h8M21 27h12"/>',
    "coffee grinder": '<path d="M20 32h24l4 18H16ZM24 32V22h16v10M32 22v-7l10-3"/>',
    "espresso cup": '<path d="M16 26h26v8a11 11 0 0 1-11 11h-4a11 11 0 0 1-11-11Z"/><path d="M42 28h4a5 5 0 0 1 0 10h-5M14 51h30"/>',
    "cake tin": '<path d="M12 26h40l-4 20H16Z"/><path d="M12 26c6-8 34-8 40 0"/>',
    "watering can": '<path d="M22 28h20v20H22Z"/><path d="M42 34l12-10M22 34H14v8h8M26 28c0-10 12-10 12 0"/>',
    "plant pot": '<path d="M18 34h28l-4 18H22ZM32 34V18M32 24c-8 0-10-6-10-8 7 0 10 4 10 8Zm0 3c8 0 10-6 10-8-7 0-10 4-10 8Z"/>',
    "pruning shears": '<path d="M20 50 34 32 46 12M44 50 30 32 22 12"/><circle cx="32" cy="34" r="3"/>',
    "rucksack": '<path d="M20 28a12 12 0 0 1 24 0v22H20Z"/><path d="M27 16v-4h10v4M26 38h12v12H26Z"/>',
    "trekking tent": '<path d="M8 48 32 16 56 48ZM32 16v0l-8 32M32 16l8 32"/>',
    "water bottle": '<path d="M25 22h14v30H25ZM28 22v-6h8v6M25 34h14"/>',
    "desk lamp": '<path d="M18 52h22M29 52 22 34 38 18M32 12l14 14-12 4-6-6Z"/>',
    "notebook": '<rect x="18" y="12" width="28" height="40" rx="3"/><path d="M25 12v40M31 22h9M31 29h9"/>',
    "fountain pen": '<path d="M14 50 20 36 44 12 52 20 28 44ZM20 36l8 8M14 50l8-8"/>',
    "building blocks": '<rect x="12" y="34" width="18" height="16"/><rect x="34" y="34" width="18" height="16"/><rect x="23" y="16" width="18" height="16"/>',
    "picture book": '<path d="M32 20C26 15 16 15 10 17v30c6-2 16-2 22 3 6-5 16-5 22-3V17c-6-2-16-2-22 3ZM32 20v30"/>',
    "wooden train": '<path d="M12 44V28h18v16ZM30 44V18h14v26ZM10 44h44M18 28v-8h6"/><circle cx="20" cy="49" r="4"/><circle cx="40" cy="49" r="4"/>',
    "wool blanket": '<path d="M14 16h36v32H14ZM14 24h36M14 40h36M18 48v5M26 48v5M34 48v5M42 48v5"/>',
    "scented candle": '<path d="M22 30h20v22H22ZM32 30v-5M32 25c-5-4-2-8 0-12 2 4 5 8 0 12Z"/>',
    "record player": '<rect x="10" y="16" width="44" height="34" rx="4"/><circle cx="28" cy="33" r="11"/><circle cx="28" cy="33" r="2"/><path d="M47 22v14l-6 5"/>',
    "bicycle light": '<path d="M14 24h20a8 8 0 0 1 0 18H14ZM22 42v9M42 22l8-5M44 33h10M42 44l8 5"/>',
    "bicycle helmet": '<path d="M10 40c0-16 12-24 24-24s20 10 20 24ZM22 38c0-10 4-17 10-21M36 38c0-10-1-16-3-21M14 40l6 10"/>',
    "pannier bag": '<rect x="14" y="20" width="36" height="30" rx="5"/><path d="M14 32h36M24 20v-6h16v6M32 30v6"/>',
}  # fmt: skip


def picture(kind: str, colour: str) -> str:
    """A `data:` URL of an SVG, 64 × 64. `colour` is `#rrggbb`."""
    shape = DRAWINGS[kind]
    return "data:image/svg+xml," + quote(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" '
        f'fill="{colour}"/><g {_STROKE}>{shape}</g></svg>',
        safe="<>=/: ",
    ).replace('"', "'").replace("%22", "'")
