// Light or dark, as the page around the widget is. The colours themselves are in theme.css.

const WATCHED = { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-light"] };

/** Whether `page` (a document) shows itself dark: marimo, JupyterLab, our own pages, else the system. */
export function isDark(page, system) {
  for (const { classList, dataset } of [page.body, page.documentElement]) {
    if (dataset.theme === "dark" || dataset.jpThemeLight === "false") return true;
    if (classList.contains("dark") || classList.contains("dark-theme")) return true;
    if (dataset.theme === "light" || dataset.jpThemeLight === "true") return false;
    if (classList.contains("light") || classList.contains("light-theme")) return false;
  }
  return system.matches;
}

/**
 * Keeps `data-theme` of `root` at "light" or "dark" while the page changes, and calls `changed` after each change;
 * returns what ends that.
 *
 * A selector cannot do it: hosts draw widgets inside a shadow root, from which the page's classes are not seen.
 */
export function followTheme(root, changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    const theme = isDark(document, system) ? "dark" : "light";
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    changed();
  };
  const observer = new MutationObserver(follow);
  observer.observe(document.body, WATCHED);
  observer.observe(document.documentElement, WATCHED);
  system.addEventListener("change", follow);
  follow();
  return () => {
    observer.disconnect();
    system.removeEventListener("change", follow);
  };
}
