// Starts each explorable of a page when it comes on screen: its module is fetched then, not before.
"use strict";

{
  const home = new URL(".", document.currentScript.src);
  const elements = [...document.querySelectorAll(".explorable")];

  // A link to a setting, #explorable-NAME?t=5, names no id, so the browser does not go there.
  const goThere = () => {
    const id = location.hash.slice(1).split("?")[0];
    const target = location.hash.includes("?") && elements.find((element) => element.id === id);
    if (!target) return;
    for (let block = target; (block = block.parentElement?.closest("details")); ) block.open = true;
    target.scrollIntoView();
  };

  const watch = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watch.unobserve(target);
      import(new URL(`${target.id.replace("explorable-", "")}.js`, home));
    }
  });

  if (location.protocol === "file:") {
    // browsers refuse modules to pages that are opened as files
    for (const element of elements) {
      element.textContent = "A figure to try things out stands here when the book is served: make serve.";
    }
  } else {
    elements.forEach((element) => watch.observe(element));
    window.addEventListener("load", goThere);
    window.addEventListener("hashchange", goThere);
  }
}
