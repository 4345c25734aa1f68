// Light and dark: follows the system until a person chooses, and remembers the choice.
// Runs in the head, before the first paint, so that no page flashes in the wrong colours.
(() => {
  const key = "stoa-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem(key) || "system";
  const apply = () => {
    const dark = chosen() === "dark" || (chosen() === "system" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    if (globalThis.Quasar) Quasar.Dark.set(dark);
  };
  globalThis.stoaTheme = (mode) => {
    if (mode === "system") localStorage.removeItem(key);
    else localStorage.setItem(key, mode);
    apply();
  };
  globalThis.stoaNextTheme = () => {
    const order = ["system", "light", "dark"];
    const next = order[(order.indexOf(chosen()) + 1) % order.length];
    stoaTheme(next);
    return next;
  };
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("load", () => setTimeout(apply));
  apply();
})();
