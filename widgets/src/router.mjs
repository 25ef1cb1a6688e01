// The address bar of a notebook with pages: `#/runs/7` in the browser is the trait `route` in Python, "/runs/7".
// Besides, what else only the browser knows: the time zone of who looks.

const ROUTE = /^#(\/.*)$/;

export default {
  render({ model, el }) {
    el.hidden = true;

    // Other hashes belong to the page itself, a heading jumped to for example.
    const tell = () => {
      const route = decodeURI(location.hash === "" ? "/" : (ROUTE.exec(location.hash)?.[1] ?? ""));
      if (route === "" || route === model.get("route")) return;
      model.set("zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
      model.set("route", route);
      model.save_changes();
    };
    const go = () => {
      const goto = model.get("goto");
      if (goto.startsWith("/") && location.hash !== `#${goto}`) location.hash = goto;
    };

    const entitle = () => {
      document.title = model.get("title") || document.title;
    };

    addEventListener("hashchange", tell);
    model.on("change:goto", go);
    model.on("change:title", entitle);
    tell();
    entitle();
    return () => {
      removeEventListener("hashchange", tell);
      model.off("change:goto", go);
      model.off("change:title", entitle);
    };
  },
};
